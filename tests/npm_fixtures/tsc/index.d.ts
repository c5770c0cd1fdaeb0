export declare const offer: (cents: number) => string;
//# sourceMappingURL=index.d.ts.map