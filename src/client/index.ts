// The Node.js side: services of this or any other runit, typed. It reads and writes the files
// in supervise/, starts no program, and uses nothing of src/sys.
//
//     for await (const { state, pid } of watch("/etc/service/web")) console.log(state, pid);
export { type ServiceDir, ServiceError, type ServiceErrorCode } from "./error.ts";
export { control, type ServiceStatus, status, type Verb } from "./service.ts";
export { until, watch } from "./watch.ts";
