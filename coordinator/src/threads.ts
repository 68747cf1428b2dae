/** For the embedded gateway, as agent/src/threads.ts has it for agents: by the time that it is loaded, libuv's threads are made. */
if (process.platform !== 'win32') process.env['UV_THREADPOOL_SIZE'] ??= '16'
