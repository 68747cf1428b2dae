#include "registry.h"
#include "json.h"
#include "say.h"
#include "text.h"
#include "values.h"
#include <stdlib.h>

static const struct { const wchar_t *brief, *name; HKEY key; } roots[] = {
  {L"HKLM", L"HKEY_LOCAL_MACHINE", HKEY_LOCAL_MACHINE}, {L"HKU", L"HKEY_USERS", HKEY_USERS}, {L"HKCU", L"HKEY_CURRENT_USER", HKEY_CURRENT_USER}};
/* As deep as Windows lets keys be. */
enum { depth_max = 512 };

static const char *type_name(DWORD type) {
  static const char *names[] = {"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN",
                                "REG_LINK", "REG_MULTI_SZ", "REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR",
                                "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD"};
  return type < sizeof names / sizeof *names ? names[type] : "REG_UNKNOWN";
}

/* Up to the zero that should be there. */
static size_t text_length(const wchar_t *text, size_t max) {
  size_t length = 0;
  while (length < max && text[length]) length++;
  return length;
}

static void put_list(const wchar_t *list, size_t max) {
  size_t at = 0;
  json_put("[");
  while (at < max && list[at]) {
    const size_t length = text_length(list + at, max - at);
    if (at) json_put(",");
    json_text(list + at, length);
    at += length + 1;
  }
  json_put("]");
}

static void put_data(DWORD type, const BYTE *data, DWORD bytes) {
  const wchar_t *text = (const wchar_t *)data;
  const size_t letters = bytes / sizeof *text;
  if (type == REG_SZ || type == REG_EXPAND_SZ) json_text(text, text_length(text, letters));
  else if (type == REG_MULTI_SZ) put_list(text, letters);
  else if (type == REG_DWORD && bytes == sizeof(DWORD)) json_number(*(const DWORD *)data);
  else if (type == REG_QWORD && bytes == sizeof(ULONGLONG)) json_number(*(const ULONGLONG *)data);
  else json_bytes(data, bytes);
}

/* A value may grow between the question for its size and the one for its data. */
static BYTE *read_data(HKEY key, const wchar_t *name, DWORD *type, DWORD *bytes) {
  BYTE *data = NULL;
  LSTATUS status = RegQueryValueExW(key, name, NULL, type, NULL, bytes);
  while (status == ERROR_SUCCESS || status == ERROR_MORE_DATA) {
    free(data);
    data = memory(*bytes + sizeof(wchar_t));
    status = RegQueryValueExW(key, name, NULL, type, data, bytes);
    if (status == ERROR_SUCCESS) return data;
  }
  free(data);
  return NULL;
}

static void put_values(HKEY key) {
  static wchar_t name[value_name_max];
  BOOL is_first = TRUE;
  for (DWORD i = 0; value_at(key, i, name); i++) {
    DWORD type, bytes;
    BYTE *data = read_data(key, name, &type, &bytes);
    if (!data) continue;
    json_put(is_first ? "{\"name\":" : ",{\"name\":");
    json_text(name, wcslen(name));
    json_put(",\"type\":\"");
    json_put(type_name(type));
    json_put("\",\"data\":");
    put_data(type, data, bytes);
    json_put("}");
    is_first = FALSE;
    free(data);
  }
}

static LSTATUS put_key(HKEY parent, const wchar_t *name, const wchar_t *path, int depth) {
  /* As long as Windows lets one part of a path be. */
  wchar_t child[256];
  HKEY key;
  LSTATUS status = RegOpenKeyExW(parent, name, 0, KEY_READ | KEY_WOW64_64KEY, &key);
  if (status != ERROR_SUCCESS) return status;
  json_put(depth ? ",\n{\"path\":" : "{\"path\":");
  json_text(path, wcslen(path));
  json_put(",\"values\":[");
  put_values(key);
  json_put("]}");
  for (DWORD i = 0; depth < depth_max && status == ERROR_SUCCESS; i++) {
    DWORD length = sizeof child / sizeof *child;
    wchar_t *below;
    if (RegEnumKeyExW(key, i, child, &length, NULL, NULL, NULL, NULL) != ERROR_SUCCESS) break;
    below = text_format(L"%ls\\%ls", path, child);
    status = put_key(key, child, below, depth + 1);
    /* Deleted since it was listed. */
    if (status == ERROR_FILE_NOT_FOUND || status == ERROR_KEY_DELETED) status = ERROR_SUCCESS;
    free(below);
  }
  RegCloseKey(key);
  return status;
}

/* Services have hives, too, and a user's classes have one beside his own. */
static BOOL is_person(const wchar_t *hive) {
  return (wcsncmp(hive, L"S-1-5-21-", 9) == 0 || wcsncmp(hive, L"S-1-12-1-", 9) == 0) && !wcschr(hive, L'_');
}

/* What cannot be read of one is left out: an agent without rights sees its own user's only. */
static LSTATUS put_users(const wchar_t *below) {
  wchar_t hive[256];
  DWORD length = sizeof hive / sizeof *hive;
  BOOL is_first = TRUE;
  json_put("[");
  for (DWORD i = 0; RegEnumKeyExW(HKEY_USERS, i, hive, &length, NULL, NULL, NULL, NULL) == ERROR_SUCCESS; i++) {
    const size_t mark = json_mark();
    wchar_t *from_root = text_format(L"%ls\\%ls", hive, below), *path = text_format(L"HKEY_USERS\\%ls", from_root);
    if (is_person(hive)) {
      if (!is_first) json_put(",\n");
      if (put_key(HKEY_USERS, from_root, path, 0) == ERROR_SUCCESS) is_first = FALSE;
      else json_back(mark);
    }
    free(from_root);
    free(path);
    length = sizeof hive / sizeof *hive;
  }
  json_put("]\n");
  return ERROR_SUCCESS;
}

static LSTATUS put_below(const wchar_t *root, const wchar_t *below) {
  for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
    wchar_t *full;
    LSTATUS status;
    if (!text_is(root, roots[i].brief) && !text_is(root, roots[i].name)) continue;
    if (roots[i].key == HKEY_USERS && wcsncmp(below, L"*\\", 2) == 0) return put_users(below + 2);
    full = text_format(*below ? L"%ls\\%ls" : L"%ls", roots[i].name, below);
    json_put("[");
    status = put_key(roots[i].key, below, full, 0);
    json_put("]\n");
    free(full);
    return status;
  }
  return ERROR_INVALID_NAME;
}

LSTATUS registry_put(const wchar_t *path) {
  const size_t mark = json_mark();
  const wchar_t *cut = wcschr(path, L'\\');
  wchar_t *root = text_format(L"%.*ls", cut ? (int)(cut - path) : (int)wcslen(path), path);
  const LSTATUS status = put_below(root, cut ? cut + 1 : L"");
  /* Half of a policy would look like a whole one. */
  if (status != ERROR_SUCCESS) json_back(mark);
  free(root);
  return status;
}

int registry(wchar_t **paths, int count) {
  json_put("[");
  for (int i = 0; i < count; i++) {
    LSTATUS status;
    if (i) json_put(",");
    status = registry_put(paths[i]);
    if (status != ERROR_SUCCESS) json_number((ULONGLONG)status);
  }
  json_put("]\n");
  return json_print() ? 0 : say_failed(GetLastError(), L"the registry was read, but nobody takes it");
}
