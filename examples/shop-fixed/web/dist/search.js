/** Products whose title holds every word. */
export function search(all, words) {
    const wanted = words.toLowerCase().split(/\s+/);
    return all.filter((one) => wanted.every((word) => one.title.toLowerCase().includes(word)));
}
