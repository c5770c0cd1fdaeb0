export const signal=(v,f=new Set)=>({get:()=>v,set(n){v=n;f.forEach(g=>g(v))},on(g){f.add(g)}});
//# sourceMappingURL=vendor.js.map
