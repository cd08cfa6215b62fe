// What can go wrong between a Node.js program and a service.
import { inspect } from "node:util";

/** A service directory: a path, or its bytes where they are not UTF-8. */
export type ServiceDir = string | Buffer;

export type ServiceErrorCode =
  /** No supervisor holds the directory: start `runsv DIR`, or wait for runsvdir to find it. */
  | "not-supervised"
  /** There is no such directory. */
  | "no-such-service"
  /** supervise/ belongs to somebody else. */
  | "no-permission"
  /** supervise/status is not a record of 20 bytes. */
  | "bad-status"
  /** The supervisor is there and takes no commands: it is stopped. */
  | "not-responding"
  /** A tree of services cannot be started: a file is missing, or may not be used. */
  | "not-startable"
  /** The kernel does not allow the isolation that was asked for. */
  | "not-isolated"
  /** node-pty is not installed, or does not load. */
  | "no-terminal"
  /** What was waited for did not come about in time. */
  | "timeout";

/** Thrown by everything in this directory; `code` says which of its causes it was. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: ServiceErrorCode;

  constructor(code: ServiceErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** The directory as a message shows it. */
export function quoted(dir: ServiceDir): string {
  return inspect(dir.toString());
}
