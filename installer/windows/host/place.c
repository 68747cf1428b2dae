#include "place.h"
#include "path.h"
#include "say.h"
#include "text.h"
#include "values.h"
#include <stdlib.h>

/* Blanks around it go, and the quotes that people put around paths. */
static wchar_t *bare(const wchar_t *text) {
  size_t length = wcslen(text);
  while (length && (*text <= L' ' || text[length - 1] <= L' ')) {
    if (*text <= L' ') text++;
    length--;
  }
  if (length >= 2 && *text == L'"' && text[length - 1] == L'"') {
    text++;
    length -= 2;
  }
  return text_format(L"%.*ls", (int)length, text);
}

/* NULL: it says nothing. */
static wchar_t *said_in(const wchar_t *key, const wchar_t *name) {
  wchar_t *value = *name ? value_read_at(key, name) : NULL, *said = value ? bare(value) : NULL;
  free(value);
  if (said && *said) return said;
  free(said);
  return NULL;
}

static BOOL is_on(const wchar_t *key, const wchar_t *name) {
  static const wchar_t *words[] = {L"1", L"on", L"yes", L"true"};
  wchar_t *said = said_in(key, name);
  BOOL is_one = FALSE;
  for (size_t i = 0; said && i < sizeof words / sizeof *words; i++) is_one |= text_is(said, words[i]);
  free(said);
  return is_one;
}

static wchar_t *said_by_policy(const struct settings *s) {
  wchar_t *list = text_format(L"%ls", s->policies), *rest = list, *own = text_part(&rest), *key;
  wchar_t *said = said_in(own, s->cache_policy);
  if (!said && is_on(own, s->honour))
    while (!said && (key = text_part(&rest)) != NULL) said = said_in(key, s->cache_policy);
  free(list);
  return said;
}

static wchar_t *said_by_settings(const struct settings *s) {
  wchar_t *key = text_format(L"%ls\\Environment", s->key), *said = said_in(key, s->cache_variable);
  free(key);
  return said;
}

/* As the agent does, so that what stands for nothing is no part of a path. */
static BOOL has_unknown_variable(const wchar_t *expanded) {
  const wchar_t *first = wcschr(expanded, L'%');
  return first && wcschr(first + 1, L'%');
}

static BOOL is_drive(const wchar_t *text) {
  return ((text[0] | 32) >= L'a' && (text[0] | 32) <= L'z') && text[1 + (text[1] == L':')] == 0;
}

static void with_plain_backslashes(wchar_t *path) {
  wchar_t *to = path;
  for (const wchar_t *from = path; *from; from++) {
    const wchar_t letter = *from == L'/' ? L'\\' : *from;
    if (letter == L'\\' && to > path + 1 && to[-1] == L'\\') continue;
    *to++ = letter;
  }
  while (to > path && to[-1] == L'\\') to--;
  *to = 0;
}

/* Without . and .. in it, which nothing resolves later on (path_long). */
static wchar_t *resolved(wchar_t *path) {
  const DWORD size = path[0] && path[1] == L':' && path[2] == L'\\' ? GetFullPathNameW(path, 0, NULL, NULL) : 0;
  wchar_t *full;
  if (!size) return path;
  full = memory(size * sizeof *full);
  GetFullPathNameW(path, size, full, NULL);
  free(path);
  with_plain_backslashes(full);
  return full;
}

/* A drive is everybody's, so we have a folder of our own there. NULL: it is no place. */
static wchar_t *folder_of(const wchar_t *place) {
  wchar_t *folder = text_expand(place), *drive;
  with_plain_backslashes(folder);
  folder = resolved(folder);
  if (is_drive(folder)) {
    drive = text_format(L"%lc:\\Starling", towupper(*folder));
    free(folder);
    return drive;
  }
  if (!has_unknown_variable(folder) && path_is_folder_of_its_own(folder)) return folder;
  free(folder);
  return NULL;
}

wchar_t *place_of_cache(const struct settings *s) {
  wchar_t *said = s->place && *s->place ? bare(s->place) : said_by_policy(s), *folder;
  if (!said) said = said_by_settings(s);
  if (!said) return NULL;
  folder = folder_of(said);
  if (!folder) say(L"%ls is neither a drive nor a folder on one, so the cache lies in %ls", said, s->data);
  free(said);
  return folder;
}

BOOL place_is_by_policy(const struct settings *s) {
  wchar_t *said = said_by_policy(s);
  const BOOL is = said != NULL;
  free(said);
  return is;
}
