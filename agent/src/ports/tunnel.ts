/** Bytes through us that are nobody's business. */

/** Bytes both ways: a socket, or what looks like one. */
export type ByteStream = NodeJS.ReadWriteStream & { destroy(error?: Error): unknown }

/** A way through to any host for bytes that are nobody's business (CONNECT), by the same routes and address checks. */
export interface TunnelPort {
  /** @throws StarlingError as `UpstreamPort.request`, and `upstream-loop` */
  tunnel(target: {
    readonly host: string
    readonly port: number
    /** What the proxies on the way are told of those before them. */
    readonly via: string
    /** As of UpstreamRequest. */
    readonly client?: string | undefined
    readonly signal: AbortSignal
  }): Promise<ByteStream>
}
