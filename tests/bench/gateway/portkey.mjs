// Loaded into Portkey's process: its release from npm adds headers to the answers of `fetch`, which Node holds immutable, so that
// every stream through it would be an error.
const fetched = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const answer = await fetched(...asked);
  return Object.defineProperty(answer, "headers", { value: new Headers(answer.headers) });
};
