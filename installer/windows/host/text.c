#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *memory(size_t bytes) {
  void *found = calloc(1, bytes ? bytes : 1);
  if (!found) {
    fputs("starling-service: out of memory: close other programs, then try again\n", stderr);
    exit(1);
  }
  return found;
}

wchar_t *text_format_list(const wchar_t *format, va_list values) {
  va_list again;
  int length;
  wchar_t *text;
  va_copy(again, values);
  length = _vscwprintf(format, again);
  va_end(again);
  if (length < 0) length = 0;
  text = memory(((size_t)length + 1) * sizeof *text);
  _vsnwprintf(text, (size_t)length + 1, format, values);
  text[length] = 0;
  return text;
}

wchar_t *text_format(const wchar_t *format, ...) {
  va_list values;
  wchar_t *text;
  va_start(values, format);
  text = text_format_list(format, values);
  va_end(values);
  return text;
}

char *text_utf8(const wchar_t *text, size_t length, size_t *bytes) {
  int size = length ? WideCharToMultiByte(CP_UTF8, 0, text, (int)length, NULL, 0, NULL, NULL) : 0;
  char *utf8 = memory((size_t)size + 1);
  if (size) WideCharToMultiByte(CP_UTF8, 0, text, (int)length, utf8, size, NULL, NULL);
  if (bytes) *bytes = (size_t)size;
  return utf8;
}

wchar_t *text_wide(const char *utf8, size_t bytes) {
  int length = bytes ? MultiByteToWideChar(CP_UTF8, 0, utf8, (int)bytes, NULL, 0) : 0;
  wchar_t *text = memory(((size_t)length + 1) * sizeof *text);
  if (length) MultiByteToWideChar(CP_UTF8, 0, utf8, (int)bytes, text, length);
  return text;
}

wchar_t *text_expand(const wchar_t *text) {
  DWORD length = ExpandEnvironmentStringsW(text, NULL, 0);
  wchar_t *expanded = memory(((size_t)length + 1) * sizeof *expanded);
  ExpandEnvironmentStringsW(text, expanded, length);
  return expanded;
}

BOOL text_is(const wchar_t *one, const wchar_t *other) {
  return CompareStringOrdinal(one, -1, other, -1, TRUE) == CSTR_EQUAL;
}

wchar_t *text_part(wchar_t **rest) {
  wchar_t *part = *rest, *cut = part ? wcschr(part, L'|') : NULL;
  *rest = cut ? cut + 1 : NULL;
  if (cut) *cut = 0;
  return part;
}
