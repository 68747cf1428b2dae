#include "json.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *gathered;
static size_t used, room;

static void put_bytes(const char *bytes, size_t count) {
  if (used + count > room) {
    char *more;
    room = 2 * (used + count);
    more = memory(room);
    if (used) memcpy(more, gathered, used);
    free(gathered);
    gathered = more;
  }
  memcpy(gathered + used, bytes, count);
  used += count;
}

void json_put(const char *as_it_is) {
  put_bytes(as_it_is, strlen(as_it_is));
}

void json_text(const wchar_t *text, size_t length) {
  size_t from = 0;
  json_put("\"");
  for (size_t at = 0; at <= length; at++) {
    char *utf8, code[8];
    size_t bytes;
    if (at < length && text[at] >= 32 && text[at] != L'"' && text[at] != L'\\') continue;
    utf8 = text_utf8(text + from, at - from, &bytes);
    put_bytes(utf8, bytes);
    free(utf8);
    from = at + 1;
    if (at == length) break;
    if (text[at] < 32) sprintf(code, "\\u%04x", text[at]);
    else sprintf(code, "\\%c", (char)text[at]);
    json_put(code);
  }
  json_put("\"");
}

void json_number(ULONGLONG number) {
  char text[24];
  sprintf(text, "%I64u", number);
  json_put(text);
}

void json_bytes(const BYTE *bytes, size_t count) {
  char text[3];
  json_put("\"");
  for (size_t i = 0; i < count; i++) {
    sprintf(text, "%02x", bytes[i]);
    put_bytes(text, 2);
  }
  json_put("\"");
}

size_t json_mark(void) {
  return used;
}

void json_back(size_t mark) {
  used = mark;
}

BOOL json_print(void) {
  size_t at = 0;
  while (at < used) {
    DWORD done;
    if (!WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), gathered + at, (DWORD)(used - at), &done, NULL)) return FALSE;
    at += done;
  }
  return TRUE;
}
