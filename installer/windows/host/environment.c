#include "environment.h"
#include "text.h"
#include "values.h"
#include <stdlib.h>

/* Hashing, compression and files share libuv's threads; with its 4 a big hash would hold up the disk. */
static const wchar_t threads[] = L"16";

struct name {
  struct name *next;
  wchar_t *text;
};
static struct name *set_before;

static void forget_before(void) {
  while (set_before) {
    struct name *one = set_before;
    set_before = one->next;
    SetEnvironmentVariableW(one->text, NULL);
    free(one->text);
    free(one);
  }
}

static void apply_key(const wchar_t *path) {
  static wchar_t name[value_name_max];
  HKEY key;
  if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS) return;
  for (DWORD i = 0; value_at(key, i, name); i++) {
    wchar_t *value = *name ? value_read(key, name) : NULL;
    if (value && SetEnvironmentVariableW(name, value)) {
      struct name *one = memory(sizeof *one);
      one->text = text_format(L"%ls", name);
      one->next = set_before;
      set_before = one;
    }
    free(value);
  }
  RegCloseKey(key);
}

void environment_apply(const struct settings *s) {
  wchar_t *path = text_format(L"%ls\\Environment", s->key);
  forget_before();
  SetEnvironmentVariableW(L"UV_THREADPOOL_SIZE", threads);
  apply_key(path);
  /* Not to be said by a setting: the folder that we have looked at (DataDir names another), and what the script runs. */
  SetEnvironmentVariableW(s->data_variable, s->data);
  SetEnvironmentVariableW(L"STARLING_SERVICE_HOST", s->program);
  free(path);
}
