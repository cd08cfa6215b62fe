// The rows of docs/DIFFERENCES.md.
export const differences = [
  "two-instances",
  "log-status",
  "takeover",
  "command-lost",
  "sv-waits",
  "sv-check",
] as const;

export type DifferenceId = (typeof differences)[number];
