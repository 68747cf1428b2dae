/**
 * Many sites, one world for each: sites share nothing but the origin, which has room for all, so they need no common
 * clock. A small heap and few agents at a time stay in the processor's cache, memory is that of one site, and every core
 * of the machine takes its part. The result does not depend on how many there are.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Violation } from './checkers/index.ts'
import { together, watch, type Sample } from './meter.ts'
import { tallyOf, type Tally } from './report.ts'
import { runScenario } from './run.ts'
import { scenarios } from './scenarios/index.ts'
import type { Options, Scenario } from './scenarios/scenario.ts'

export interface SiteResult {
  readonly site: number
  readonly tally: Tally
  readonly violations: readonly Violation[]
  readonly samples: readonly Sample[]
}

/** What a worker is given. */
export interface SiteTask {
  readonly options: Options
  readonly sites: readonly number[]
  readonly sampled: boolean
}

/** A gateway for all, or faults drawn for all, tie sites together. */
export function canSplit({ sites, gateway, faults }: Options): boolean {
  return sites > 1 && gateway !== 'remote' && faults === 0
}

export async function runSites(
  options: Options,
  sampled: boolean,
  workers = availableParallelism()
): Promise<SiteResult[]> {
  const count = Math.min(workers, options.sites)
  const shares = Array.from({ length: count }, (_, worker) =>
    Array.from({ length: options.sites }, (_site, site) => site).filter(site => site % count === worker)
  )
  const results = await Promise.all(shares.map(async sites => await inWorker({ options, sites, sampled })))
  return results.flat().sort((one, other) => one.site - other.site)
}

async function inWorker(task: SiteTask): Promise<SiteResult[]> {
  return await new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./site-worker.ts', import.meta.url), { workerData: task })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', code => {
      reject(new Error(`a worker of the simulator ended with code ${code} and no result`))
    })
  })
}

export function runSite({ options, sampled }: SiteTask, site: number): SiteResult {
  const scenario = found(scenarios.find(({ name }) => name === options.scenario))
  let samples = (): Sample[] => []
  const { outcome, violations } = runScenario(scenario, optionsOfSite(options, site), {
    prepare: play => {
      if (sampled) samples = watch(play)
    }
  })
  const where = `site ${site} (alone: --seed ${outcome.play.options.seed} --agents ${outcome.play.options.agents} --sites 1)`
  const placed = violations.map(({ checker, sentences }) => ({
    checker,
    sentences: sentences.map(sentence => `${where}: ${sentence}`)
  }))
  return { site, tally: tallyOf(outcome.play), violations: placed, samples: samples() }
}

/** The same site can be had alone, with these. Agents are dealt to sites in turn; each site draws dice of its own. */
export function optionsOfSite(options: Options, site: number): Options {
  return {
    ...options,
    sites: 1,
    agents: Math.ceil((options.agents - site) / options.sites),
    seed: options.seed * 1000 + site
  }
}

export function samplesOf(results: readonly SiteResult[]): Sample[] {
  return together(results.map(({ samples }) => samples))
}

function found(scenario: Scenario | undefined): Scenario {
  if (scenario === undefined) throw new Error('bug: a worker was given a scenario that there is not')
  return scenario
}
