// The build puts this into every script: `sys` as a name of the script's own, which is found
// sooner than a global one.
const table = (globalThis as unknown as { sys: typeof sys }).sys;

export { table as sys };
