/** What an error says, with what caused it. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes = error instanceof AggregateError ? error.errors : [error.cause].filter((cause) => cause !== undefined);
  // A message often repeats its cause's; nobody wants to read that twice.
  const added = causes.map(errorText).filter((text) => !error.message.includes(text));
  return [error.message, ...added].join(": ");
}
