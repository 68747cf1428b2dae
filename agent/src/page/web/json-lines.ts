/** An answer that comes line by line, each one JSON. */
export async function* linesOf<Line>(response: Response): AsyncGenerator<Line> {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    const lines = (rest + (value ?? '')).split('\n')
    rest = done ? '' : (lines.pop() ?? '')
    for (const line of lines) if (line !== '') yield JSON.parse(line) as Line
    if (done) return
  }
}
