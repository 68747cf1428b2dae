#include "say.h"
#include "messages.h"
#include "text.h"
#include <stdlib.h>

wchar_t *say_system_words(DWORD error) {
  wchar_t *found = NULL, *words;
  DWORD length = FormatMessageW(
      FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0,
      (wchar_t *)&found, 0, NULL);
  while (length && (found[length - 1] <= L' ' || found[length - 1] == L'.')) found[--length] = 0;
  words = text_format(length ? L"%ls (error %lu)" : L"%lserror %lu", length ? found : L"", error);
  LocalFree(found);
  return words;
}

/* A console takes wide text; a file or a pipe gets UTF-8. */
static void put(const wchar_t *text) {
  HANDLE stderr_handle = GetStdHandle(STD_ERROR_HANDLE);
  DWORD mode, done;
  size_t bytes;
  char *utf8;
  if (GetConsoleMode(stderr_handle, &mode)) {
    WriteConsoleW(stderr_handle, text, (DWORD)wcslen(text), &done, NULL);
    return;
  }
  utf8 = text_utf8(text, wcslen(text), &bytes);
  WriteFile(stderr_handle, utf8, (DWORD)bytes, &done, NULL);
  free(utf8);
}

static const wchar_t *event_source, *event_about;

void say_to_events_too(const wchar_t *source, const wchar_t *about) {
  event_source = source;
  event_about = about;
}

static void put_line(DWORD message, const wchar_t *sentence) {
  wchar_t *line = text_format(L"starling-service: %ls\r\n", sentence);
  put(line);
  if (event_source) say_event(event_source, message, event_about, sentence);
  free(line);
}

int say_failed(DWORD error, const wchar_t *format, ...) {
  wchar_t *sentence, *words, *line;
  va_list values;
  va_start(values, format);
  sentence = text_format_list(format, values);
  va_end(values);
  words = error ? say_system_words(error) : NULL;
  line = words ? text_format(L"%ls: %ls", sentence, words) : text_format(L"%ls", sentence);
  put_line(MESSAGE_NOT_SET_UP, line);
  free(sentence);
  free(words);
  free(line);
  return 1;
}

void say(const wchar_t *format, ...) {
  wchar_t *sentence;
  va_list values;
  va_start(values, format);
  sentence = text_format_list(format, values);
  va_end(values);
  put_line(MESSAGE_SET_UP_NOTE, sentence);
  free(sentence);
}

static WORD kind_of(DWORD message) {
  switch (message >> 30) { /* severity, as the message compiler puts it */
    case 3: return EVENTLOG_ERROR_TYPE;
    case 2: return EVENTLOG_WARNING_TYPE;
    default: return EVENTLOG_INFORMATION_TYPE;
  }
}

void say_event(const wchar_t *source, DWORD message, const wchar_t *first, const wchar_t *second) {
  const wchar_t *texts[2] = {first ? first : L"", second ? second : L""};
  HANDLE log = RegisterEventSourceW(NULL, source);
  if (!log) return;
  ReportEventW(log, kind_of(message), 0, message, NULL, 2, 0, texts, NULL);
  DeregisterEventSource(log);
}
