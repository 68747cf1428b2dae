#include "sift.h"
#include "aside.h"
#include "path.h"
#include "rights.h"
#include "trust.h"
#include "walk.h"
#include <stdlib.h>

/* Of folders in folders: the agent makes three. */
enum { depth_max = 64 };

struct sifting {
  enum sift how;
  const wchar_t *beside, *service;
  PSECURITY_DESCRIPTOR of_folder, of_file;
};

static BOOL may_stay(const struct trust *trust, enum sift how) {
  if (trust->is_linked) return FALSE;
  if (how == sift_by_nobody_else) return TRUE;
  if (trust->is_link || !trust->is_owner_trusted) return FALSE;
  return trust->is_folder || trust->is_closed || how == sift_by_trusted;
}

static DWORD sift_folder(HANDLE folder, const wchar_t *path, const struct sifting *s, int depth);

static DWORD keep(HANDLE object, const struct trust *trust, const wchar_t *path, const struct sifting *s, int depth) {
  const DWORD error = rights_set(object, trust->is_folder ? s->of_folder : s->of_file);
  return error == ERROR_SUCCESS && trust->is_folder ? sift_folder(object, path, s, depth + 1) : error;
}

static DWORD sift_entry(HANDLE folder, const struct walk_entry *entry, const wchar_t *path, const struct sifting *s, int depth) {
  const ACCESS_MASK to_take = READ_CONTROL | WRITE_DAC | FILE_READ_ATTRIBUTES;
  const ACCESS_MASK to_list = entry->attributes & FILE_ATTRIBUTE_DIRECTORY ? FILE_LIST_DIRECTORY : 0;
  struct trust trust;
  HANDLE object = walk_open(folder, entry->name, to_take | to_list);
  const BOOL stays = object && depth < depth_max && trust_of(object, s->service, &trust) && may_stay(&trust, s->how);
  DWORD error = stays ? keep(object, &trust, path, s, depth) : ERROR_SUCCESS;
  if (object) CloseHandle(object);
  return stays ? error : aside_move(path, s->beside, entry->name);
}

static DWORD sift_folder(HANDLE folder, const wchar_t *path, const struct sifting *s, int depth) {
  struct walk_entry *entries;
  DWORD error = ERROR_SUCCESS;
  if (!walk_list(folder, &entries)) return GetLastError();
  for (struct walk_entry *one = entries; error == ERROR_SUCCESS && one; one = one->next) {
    wchar_t *entry = path_join(path, one->name);
    error = sift_entry(folder, one, entry, s, depth);
    free(entry);
  }
  walk_free(entries);
  return error;
}

DWORD sift(HANDLE folder, const wchar_t *path, const wchar_t *service, enum sift how) {
  const struct sifting s = {how, path, service, rights_below(service, TRUE), rights_below(service, FALSE)};
  const DWORD error = s.of_folder && s.of_file ? sift_folder(folder, path, &s, 0) : GetLastError();
  LocalFree(s.of_folder);
  LocalFree(s.of_file);
  return error;
}
