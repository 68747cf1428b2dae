import { bulk } from './bulk.ts'
const n = Number(process.argv[2] ?? 1)
for (let i = 0; i < n; i++) console.log(await bulk.run(console.log))
