// The Node.js side: services of this or any other runit, typed. It reads and writes the files
// in supervise/ and the logs, starts nothing but a tree that it is asked for, and uses nothing of
// src/sys.
//
//     for await (const { state, pid } of watch("/etc/service/web")) console.log(state, pid);
export { type ServiceDir, ServiceError, type ServiceErrorCode } from "./error.ts";
export type { Isolation, TreeExit } from "./launch.ts";
export { type LogOptions, log } from "./log.ts";
export type { LogLine } from "./log-line.ts";
export { control, type ServiceStatus, status, type Verb } from "./service.ts";
export { startTree, type Tree, type TreeOptions } from "./tree.ts";
export { until, watch } from "./watch.ts";
