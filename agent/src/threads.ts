/**
 * libuv looks names up on its threads, at most on half of them, and has 4 unless the environment says otherwise: too few for a
 * proxy (upstream/names.ts). Imported before all else, because they are made when the first is needed. On Windows libuv sees the
 * environment only as it was when the process began, so there it is for who starts us to set it (docs/DEPLOY.md).
 */
if (process.platform !== 'win32') process.env['UV_THREADPOOL_SIZE'] ??= '16'
