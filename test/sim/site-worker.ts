/** One of the threads of sites.ts: plays its sites one after another. */
import { parentPort, workerData } from 'node:worker_threads'
import { runSite, type SiteTask } from './sites.ts'

const task = workerData as SiteTask
parentPort?.postMessage(task.sites.map(site => runSite(task, site)))
