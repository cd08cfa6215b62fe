// Environment directories: a file per variable, as chpst -e and the env/ of a service have them.
// Pure.

/**
 * A variable as a file of an environment directory has it: `NAME=VALUE`, or `NAME` when it is to
 * be removed, since the file is empty.
 */
export function variableOf(name: string, bytes: string): string {
  if (bytes === "") return name;
  const newline = bytes.indexOf("\n");
  let end = newline < 0 ? bytes.length : newline;
  while (bytes[end - 1] === " " || bytes[end - 1] === "\t") end--;
  return `${name}=${bytes.slice(0, end).split("\0").join("\n")}`;
}

/** The environment after changes as variableOf() has them; the last one of a name is in force. In
 * runit's order: the last variable takes the place of one that is removed. */
export function changeEnvironment(
  environment: readonly string[],
  changes: readonly string[],
): readonly string[] {
  const changed = [...environment];
  for (const change of changes) {
    const equals = change.indexOf("=");
    const start = equals < 0 ? `${change}=` : change.slice(0, equals + 1);
    for (let at = 0; at < changed.length; ) {
      if (!changed[at]?.startsWith(start)) at++;
      else if (at === changed.length - 1) changed.pop();
      else changed[at] = changed.pop() ?? "";
    }
    if (equals >= 0) changed.push(change);
  }
  return changed;
}
