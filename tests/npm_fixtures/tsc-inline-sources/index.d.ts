export declare const offer: (cents: number) => string;
