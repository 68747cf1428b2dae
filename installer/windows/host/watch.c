#include "watch.h"
#include "text.h"
#include <stdlib.h>

static const DWORD every_change = REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET;

static LSTATUS open_key(const wchar_t *path, HKEY *key) {
  return RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_NOTIFY | KEY_WOW64_64KEY, key);
}

/* Opened anew each time: a key that was deleted tells nothing any more. */
static void ask(struct watch *watch) {
  wchar_t *path = text_format(L"%ls", watch->path), *cut;
  HKEY key = NULL;
  BOOL is_there = TRUE;
  while (open_key(path, &key) != ERROR_SUCCESS && (cut = wcsrchr(path, L'\\')) != NULL) {
    *cut = 0;
    is_there = FALSE;
  }
  free(path);
  if (watch->key) RegCloseKey(watch->key);
  watch->key = key;
  watch->is_there = is_there && key;
  ResetEvent(watch->event); /* closing the old key has set it */
  if (key) RegNotifyChangeKeyValue(key, watch->is_there, watch->is_there ? every_change : REG_NOTIFY_CHANGE_NAME, watch->event, TRUE);
}

static BOOL is_there_now(const struct watch *watch) {
  HKEY key;
  if (open_key(watch->path, &key) != ERROR_SUCCESS) return FALSE;
  RegCloseKey(key);
  return TRUE;
}

DWORD watches_open(struct watch *watches, const wchar_t *paths) {
  DWORD count = 0;
  wchar_t *list = text_format(L"%ls", paths), *rest = list, *path;
  while (count < watches_max && (path = text_part(&rest)) != NULL) {
    if (!*path) continue;
    struct watch *watch = &watches[count];
    watch->path = text_format(L"%ls", path);
    watch->key = NULL;
    watch->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!watch->event) continue;
    ask(watch);
    count++;
  }
  free(list);
  return count;
}

BOOL watch_changed(struct watch *watch) {
  BOOL was_there = watch->is_there;
  ask(watch);
  /* It may have come between the look and the question. */
  if (!watch->is_there && is_there_now(watch)) ask(watch);
  return was_there || watch->is_there;
}
