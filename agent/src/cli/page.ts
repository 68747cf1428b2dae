/**
 * `starling page`: opens the running agent's page in the browser, with a code that makes it the page of somebody who may change things.
 * The address holds no token: the code is good for one use within a minute.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import { requireAgent } from './api.ts'
import type { CommandTools } from './services.ts'

export async function openPage(
  options: { readonly dataFolder: string; readonly json: boolean; readonly print: boolean },
  { terminal, services }: CommandTools
): Promise<void> {
  const api = await requireAgent(options.dataFolder)
  const { code } = (await api.post('/api/v1/page-code', {})) as { code: string }
  const address = `${api.agent.page}/#code=${code}`
  if (options.json) return terminal.print(JSON.stringify({ address }))
  if (options.print) return terminal.print(address)
  try {
    await services.openBrowser(address)
  } catch (cause) {
    throw new StarlingError(
      'no-browser',
      `no browser could be opened: open ${address} within a minute yourself`,
      { cause }
    )
  }
  terminal.note(`Opened ${api.agent.page}. If no window shows, \`starling page --print\` prints the address.`)
}
