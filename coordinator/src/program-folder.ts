/** Where the files of this program lie that are no code; see the agent's file of the same name. */
export const programFolder = new URL('../', import.meta.url)
