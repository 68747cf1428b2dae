/** TLS connections of clients that end here, the CA that they trust for it, and who is tunnelled instead. */
import type { Millis } from '@starling/shared/units.ts'
import type { ByteStream } from './tunnel.ts'

/** A CONNECT of a client, by its address. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
  readonly client: string | undefined
}

/** A client's TLS connection that ends here. Whoever takes it reads requests for `https://host:port` from the socket. */
export interface OpenedTls extends ConnectTarget {
  readonly socket: ByteStream
  readonly protocol: 'h2' | 'http/1.1'
  /** A request has come: the client takes our certificate for this host. */
  heard(): void
  /** The client is to get a plain tunnel the next time, for this reason. */
  unfit(why: string): void
}

/** Opens the TLS connections of clients to listed hosts, under certificates of a CA of our own. */
export interface InterceptPort {
  wants(target: ConnectTarget): boolean
  /**
   * @param client has been told that its tunnel stands
   * @returns `tunnel`: nothing was taken from it, and it is to be tunnelled; `gone`: the connection has ended
   */
  open(target: ConnectTarget, client: ByteStream): Promise<OpenedTls | 'tunnel' | 'gone'>
}

/** A CA of our own for TLS interception, without its key. */
export interface CaView {
  readonly subject: string
  /** Of the certificate, as hex. */
  readonly sha256: string
  /** Its SHA-1, by which Windows names it. */
  readonly thumbprint: string
  /** Domains, with all below them, that it may sign for. */
  readonly names: readonly string[]
  readonly signsFrom: Millis
  readonly expiresAt: Millis
}

/** What `starling ca` does, beside a running agent or without one. */
export interface CaPort {
  /**
   * Makes the first CA, or the successor of one that does not fit the list.
   * @param isAtOnce it signs from now on, and the present ones are thrown away
   * @throws StarlingError `no-hosts`, `ca-exists`, and those of reading and writing
   */
  init(isAtOnce: boolean): Promise<CaView>
  list(): Promise<{
    /** Those that have not expired, the youngest first. */
    readonly authorities: ReadonlyArray<CaView & { readonly certificatePem: string }>
    /** Whether the youngest is for just the hosts of the list. */
    readonly fits: boolean
  }>
}

/** A client that gets plain tunnels to a listed host. */
export interface TunnelledView {
  readonly host: string
  readonly port: number
  /** Empty: all clients. */
  readonly client: string
  readonly why: string
  readonly until: Millis
}

/** Which of them are meant; what is not said: all. */
export interface TunnelledRequest {
  readonly host?: string | undefined
  readonly client?: string | undefined
}

export interface InterceptView {
  readonly hosts: readonly string[]
  /** Those that have not expired, the youngest first. */
  readonly authorities: readonly CaView[]
  /** TLS connections since this agent started: opened, and broken off by clients that do not take our certificate. */
  readonly opened: number
  readonly rejected: number
  readonly tunnelled: readonly TunnelledView[]
}
