/** What the coordinator link needs of this agent's identity, in one handful: the link itself holds no key. */
import type { TLSSocket } from 'node:tls'
import type { Credential, RevocationList } from '@starling/shared/credential.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { createTlsIdentity } from './certificate.ts'
import type { Identity } from './keys.ts'
import { readSecretFile, writeSecretFile } from './secret-file.ts'
import { verifyCredential, verifyRevocationList } from './signatures.ts'
import { dialAgent } from './tls.ts'

export interface LinkIdentity {
  readonly agentId: AgentId
  /** A TLS socket whose other end has proven to be `expected`. @throws StarlingError, see dialAgent */
  dial(to: { readonly host: string; readonly port: number; readonly expected: AgentId }): Promise<TLSSocket>
  verifyCredential(credential: Credential): boolean
  verifyRevocationList(list: RevocationList): boolean
  /** Null: no such file. */
  readFile(path: string): Promise<Uint8Array | null>
  writeFile(path: string, bytes: Uint8Array): Promise<void>
}

export async function createLinkIdentity(identity: Identity): Promise<LinkIdentity> {
  const tls = await createTlsIdentity(identity)
  return {
    agentId: identity.agentId,
    dial: to => dialAgent({ ...to, tls }),
    verifyCredential,
    verifyRevocationList,
    readFile: readSecretFile,
    writeFile: writeSecretFile
  }
}
