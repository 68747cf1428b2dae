/** The folder of the whole project, from which packages are made. */
import { resolve } from 'node:path'

export const house = resolve(import.meta.dirname, '../..')
