/** Where this program's own files lie (package.json, the built page): the one place to know, since the installer bundles all the rest into one file. */
export const programFolder = new URL('../', import.meta.url)
