export function main(_argv: readonly string[]): number {
  return 111;
}
