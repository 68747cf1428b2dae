/** What a client wants of a WSUS, by its SOAP call ([MS-WUSP] 3.1.4), pure. The calls go through untouched; they are counted for the admin. */

export const wsusCalls = ['scan', 'sync', 'report', 'other'] as const
/**
 * `scan`: which updates are there for this machine; `sync`: what they are and where their files lie; `report`: what came of it;
 * `other`: configuration, cookies, registration.
 */
export type WsusCall = (typeof wsusCalls)[number]

/**
 * @param url absolute
 * @param soapAction the header, with or without quotes: `"http://www.microsoft.com/.../Server/ClientWebService/SyncUpdates"`
 * @returns null: no call to a WSUS
 */
export function wsusCallOf(method: string, url: string, soapAction: string | null): WsusCall | null {
  if (method !== 'POST') return null
  const [, service] = /\/([^/]+)\.asmx$/i.exec(new URL(url).pathname) ?? []
  if (service === undefined) return null
  const action = /([A-Za-z0-9]+)"?\s*$/.exec(soapAction ?? '')?.[1]?.toLowerCase() ?? ''
  switch (service.toLowerCase()) {
    case 'reportingwebservice':
      return 'report'
    case 'simpleauth':
      return 'other'
    case 'client':
      if (action === 'syncupdates' || action === 'startcategoryscan') return 'scan'
      return action.startsWith('getextendedupdateinfo') || action === 'getfilelocations' ? 'sync' : 'other'
    default:
      return null
  }
}
