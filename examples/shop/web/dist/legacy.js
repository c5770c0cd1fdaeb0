export function euros(cents){return (cents/100).toFixed(2)+" €"}
export function total(lines){return euros(lines.reduce((sum,line)=>sum+line.cents,0))}
//# sourceMappingURL=legacy.js.map
