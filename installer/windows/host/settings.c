#include "settings.h"
#include "path.h"
#include "say.h"
#include "text.h"
#include "values.h"
#include <stdlib.h>

/* Windows' services are given 30 s to stop unless they say that they need longer. */
static const DWORD stop_seconds_usual = 25, stop_seconds_max = 600;

static wchar_t *own_path(void) {
  for (DWORD size = 512;; size *= 2) {
    wchar_t *path = memory(size * sizeof *path);
    DWORD length = GetModuleFileNameW(NULL, path, size);
    if (length < size) return path;
    free(path);
  }
}

static wchar_t *ini_value(const wchar_t *file, const wchar_t *name) {
  enum { size = 4096 };
  wchar_t *text = memory(size * sizeof *text);
  GetPrivateProfileStringW(L"service", name, L"", text, size, file);
  return text;
}

static void without_last_backslash(wchar_t *path) {
  size_t length = wcslen(path);
  if (length > 3 && path[length - 1] == L'\\') path[length - 1] = 0;
}

static BOOL load_values(struct settings *s, const wchar_t *file) {
  struct { const wchar_t *name; wchar_t **value; BOOL is_needed; } values[] = {
    {L"name", &s->name, TRUE}, {L"display", &s->display, TRUE}, {L"script", &s->script, TRUE},
    {L"arguments", &s->arguments, FALSE}, {L"data", &s->data, TRUE}, {L"data-variable", &s->data_variable, TRUE},
    {L"key", &s->key, TRUE}, {L"policies", &s->policies, FALSE}, {L"firewall", &s->firewall, FALSE},
    {L"keep", &s->keep, FALSE}, {L"known", &s->known, FALSE}, {L"cache-policy", &s->cache_policy, FALSE},
    {L"cache-variable", &s->cache_variable, FALSE}, {L"honour", &s->honour, FALSE}};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    *values[i].value = ini_value(file, values[i].name);
    if (values[i].is_needed && !**values[i].value) {
      say_failed(0, L"%ls does not say %ls in [service]: repair the installation", file, values[i].name);
      return FALSE;
    }
  }
  return TRUE;
}

BOOL settings_load(struct settings *s) {
  wchar_t *file, *named, *seconds;
  memset(s, 0, sizeof *s);
  s->program = own_path();
  s->folder = text_format(L"%ls", s->program);
  *wcsrchr(s->folder, L'\\') = 0;
  file = path_join(s->folder, L"starling-service.ini");
  if (GetFileAttributesW(file) == INVALID_FILE_ATTRIBUTES) {
    say_failed(GetLastError(), L"%ls, which says what this is the host of, cannot be read: repair the installation", file);
    return FALSE;
  }
  if (!load_values(s, file)) return FALSE;
  named = value_read_at(s->key, L"DataDir");
  if (!named || !*named) named = text_expand(s->data);
  without_last_backslash(named);
  if (!path_is_folder_of_its_own(named)) {
    say_failed(0, L"the data folder %ls is no folder on a drive: correct DataDir in HKEY_LOCAL_MACHINE\\%ls", named, s->key);
    return FALSE;
  }
  s->data = named;
  seconds = ini_value(file, L"stop-seconds");
  s->stop_ms = (DWORD)_wtoi(seconds);
  if (s->stop_ms == 0) s->stop_ms = stop_seconds_usual;
  if (s->stop_ms > stop_seconds_max) s->stop_ms = stop_seconds_max;
  s->stop_ms *= 1000;
  return TRUE;
}

/* NULL: no folder on a drive. */
static wchar_t *given_folder(const wchar_t *given) {
  wchar_t *named = wcsncmp(given, L"#%", 2) == 0 ? text_expand(given + 2) : text_format(L"%ls", given), *path = NULL;
  if (path_is_folder_of_its_own(named)) {
    const DWORD size = GetFullPathNameW(named, 0, NULL, NULL);
    path = memory((size + 1) * sizeof *path);
    GetFullPathNameW(named, size, path, NULL);
    without_last_backslash(path);
  }
  free(named);
  if (!path || path_is_folder_of_its_own(path)) return path;
  free(path);
  return NULL;
}

/* What is behind it stays off the quote, but `D` is a drive and `D\.` is none. */
static wchar_t *given_place(const wchar_t *given) {
  wchar_t *place = text_format(L"%ls", wcsncmp(given, L"#%", 2) == 0 ? given + 2 : given);
  const size_t length = wcslen(place);
  if (length >= 2 && text_is(place + length - 2, L"\\.")) place[length - 2] = 0;
  return place;
}

BOOL settings_given(struct settings *s, wchar_t **words, int count) {
  static wchar_t nothing[] = L"";
  *s = (struct settings){.name = words[0], .data = given_folder(words[1]), .keep = words[2], .place = given_place(count > 3 ? words[3] : nothing),
                         .key = nothing, .policies = nothing, .cache_policy = nothing, .cache_variable = nothing, .honour = nothing};
  if (s->data) return TRUE;
  say_failed(0, L"the data folder %ls is no folder on a drive: remove what %ls has kept yourself", words[1], s->name);
  return FALSE;
}
