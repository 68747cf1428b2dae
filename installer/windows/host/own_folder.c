#include "own_folder.h"
#include "aside.h"
#include "path.h"
#include "pin.h"
#include "rights.h"
#include "say.h"
#include "sift.h"
#include "text.h"
#include "trust.h"
#include "walk.h"
#include <stdlib.h>

static const ACCESS_MASK to_look = READ_CONTROL | FILE_READ_ATTRIBUTES | FILE_LIST_DIRECTORY;
static const ACCESS_MASK to_take = READ_CONTROL | WRITE_DAC | WRITE_OWNER | FILE_READ_ATTRIBUTES | FILE_LIST_DIRECTORY;
/* What the agent makes in a cache folder (agent/src/store/layout.ts). */
static const wchar_t content[] = L"content";
/* Of folders in folders: the agent makes three. */
enum { depth_max = 64 };

struct place {
  const wchar_t *service, *known;
  wchar_t *path;
  wchar_t *foreign; /* the first name in it that we do not know */
  SECURITY_ATTRIBUTES with_rights;
};

static BOOL is_own(const struct trust *trust) {
  return trust->is_folder && trust->is_owner_trusted && trust->is_closed && !trust->is_inherited;
}

static BOOL is_marked(HANDLE folder, const struct trust *trust, const wchar_t *service) {
  return trust->is_folder && trust->is_owner_trusted && (trust->is_marked || pin_is_in(folder, service));
}

/* Nothing in it is a link or was put by others. */
static BOOL is_trusted(HANDLE folder, const wchar_t *name, const wchar_t *service, int depth) {
  struct walk_entry *entries = NULL;
  struct trust trust;
  HANDLE object = walk_open(folder, name, READ_CONTROL | FILE_READ_ATTRIBUTES);
  BOOL is_fine = object && trust_of(object, service, &trust) && !trust.is_link && trust.is_owner_trusted;
  if (object) CloseHandle(object);
  if (!is_fine || !trust.is_folder) return is_fine;
  object = walk_open(folder, name, to_look);
  is_fine = object && depth < depth_max && walk_list(object, &entries);
  for (struct walk_entry *one = entries; is_fine && one; one = one->next) is_fine = is_trusted(object, one->name, service, depth + 1);
  walk_free(entries);
  if (object) CloseHandle(object);
  return is_fine;
}

static void make_parents(const wchar_t *path) {
  SECURITY_ATTRIBUTES with_rights = {sizeof with_rights, rights_of_parent(), FALSE};
  wchar_t *part = text_format(L"%ls", path);
  for (wchar_t *at = part + 7; (at = wcschr(at, L'\\')) != NULL; at++) {
    *at = 0;
    CreateDirectoryW(part, &with_rights);
    *at = L'\\';
  }
  LocalFree(with_rights.lpSecurityDescriptor);
  free(part);
}

/* FALSE: a drive with FAT or exFAT. Asked of the folder above: what lies at the path may be a link. What cannot be told shows itself later. */
static BOOL keeps_rights(const wchar_t *path) {
  wchar_t *above = text_format(L"%.*ls", (int)(wcsrchr(path, L'\\') + 1 - path), path);
  const DWORD size = (DWORD)wcslen(path) + 2;
  wchar_t *root = memory(size * sizeof *root);
  DWORD flags;
  const BOOL does = !GetVolumePathNameW(above, root, size) || !GetVolumeInformationW(root, NULL, 0, NULL, NULL, &flags, NULL, 0) ||
                    (flags & FILE_PERSISTENT_ACLS) != 0;
  free(root);
  free(above);
  return does;
}

static DWORD make_new(struct place *place) {
  return CreateDirectoryW(place->path, &place->with_rights) ? ERROR_SUCCESS : GetLastError();
}

/* With nothing in it: whoever has the old one open then has nothing. */
static DWORD make_anew(struct place *place) {
  return RemoveDirectoryW(place->path) ? make_new(place) : GetLastError();
}

/* As `known` of settings.h has them: a name, or * and how it ends. */
static BOOL is_known(const wchar_t *known, const wchar_t *name) {
  wchar_t *list = text_format(L"%ls", known), *rest = list, *one;
  BOOL is = text_is(name, pin_name);
  while (!is && (one = text_part(&rest)) != NULL) {
    const size_t length = wcslen(name), end = wcslen(one) - 1;
    is = *one == L'*' ? length > end && text_is(name + length - end, one + 1) : text_is(name, one);
  }
  free(list);
  return is;
}

static DWORD find_foreign(HANDLE folder, struct place *place) {
  struct walk_entry *entries;
  if (!walk_list(folder, &entries)) return GetLastError();
  for (struct walk_entry *one = entries; !place->foreign && one; one = one->next)
    if (!is_known(place->known, one->name)) place->foreign = text_format(L"%ls", one->name);
  walk_free(entries);
  return place->foreign ? ERROR_DIR_NOT_EMPTY : ERROR_SUCCESS;
}

static BOOL is_empty(HANDLE folder) {
  struct walk_entry *entries = NULL;
  const BOOL is = walk_list(folder, &entries) && !entries;
  walk_free(entries);
  return is;
}

/* ERROR_NOT_OWNER: it is to go aside. ERROR_EMPTY: it is to be made anew. */
static DWORD take_data_itself(HANDLE object, struct place *place) {
  struct trust trust = {0};
  BOOL is_ours;
  DWORD error = ERROR_SUCCESS;
  if (!trust_of(object, place->service, &trust) || !trust.is_owner_trusted) return ERROR_NOT_OWNER;
  if (trust.is_link) return ERROR_REPARSE_TAG_INVALID;
  if (!trust.is_folder) return ERROR_NOT_OWNER;
  is_ours = is_marked(object, &trust, place->service);
  if (is_ours && is_own(&trust) && rights_are(object, place->with_rights.lpSecurityDescriptor)) return ERROR_SUCCESS;
  if (!is_ours) error = find_foreign(object, place);
  if (error == ERROR_SUCCESS) error = rights_set(object, place->with_rights.lpSecurityDescriptor);
  if (error == ERROR_SUCCESS)
    error = sift(object, place->path, place->service, !is_ours ? sift_never_open : is_own(&trust) ? sift_by_nobody_else : sift_by_trusted);
  return error == ERROR_SUCCESS && !is_ours && is_empty(object) ? ERROR_EMPTY : error;
}

static DWORD take_data(struct place *place) {
  HANDLE object = walk_open_path(place->path, to_take);
  DWORD error;
  if (!object) return GetLastError();
  error = take_data_itself(object, place);
  CloseHandle(object);
  if (error == ERROR_EMPTY) return make_anew(place);
  if (error != ERROR_NOT_OWNER) return error;
  error = aside_move(place->path, place->path, NULL);
  return error == ERROR_SUCCESS ? make_new(place) : error;
}

static BOOL is_content(HANDLE folder, const struct walk_entry *entries, const wchar_t *service) {
  return !entries->next && text_is(entries->name, content) && is_trusted(folder, content, service, 0);
}

/* Of a folder that is there. ERROR_EMPTY: it is to be made anew, for others may have it open with all rights. */
static DWORD take_cache_itself(HANDLE object, struct place *place) {
  PSECURITY_DESCRIPTOR rights = place->with_rights.lpSecurityDescriptor;
  struct trust trust;
  struct walk_entry *entries;
  BOOL is_ours;
  DWORD error;
  if (!trust_of(object, place->service, &trust)) return GetLastError();
  if (!trust.is_folder) return ERROR_DIRECTORY;
  if (!walk_list(object, &entries)) return GetLastError();
  if (!entries) return trust.is_owner_trusted ? rights_set(object, rights) : ERROR_EMPTY;
  is_ours = trust.is_owner_trusted && ((is_own(&trust) && trust.is_marked) || is_content(object, entries, place->service));
  walk_free(entries);
  if (!is_ours) return ERROR_DIR_NOT_EMPTY;
  if (rights_are(object, rights)) return ERROR_SUCCESS;
  error = rights_set(object, rights);
  return error == ERROR_SUCCESS ? sift(object, place->path, place->service, is_own(&trust) ? sift_by_nobody_else : sift_by_trusted) : error;
}

static DWORD take_cache(struct place *place) {
  HANDLE object = walk_open_path(place->path, to_take);
  DWORD error;
  if (!object) return GetLastError();
  error = take_cache_itself(object, place);
  CloseHandle(object);
  return error == ERROR_EMPTY ? make_anew(place) : error;
}

static DWORD make(struct place *place, DWORD (*take_what_is_there)(struct place *place)) {
  DWORD error;
  if (!place->with_rights.lpSecurityDescriptor) return GetLastError();
  if (!keeps_rights(place->path)) return ERROR_UNRECOGNIZED_VOLUME;
  make_parents(place->path);
  error = make_new(place);
  return error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_EXISTS ? take_what_is_there(place) : error;
}

static struct place place_at(const wchar_t *folder, const wchar_t *service, const wchar_t *known) {
  rights_take_privileges();
  SetErrorMode(SEM_FAILCRITICALERRORS); /* nobody sees "there is no disk in the drive" */
  return (struct place){service, known, path_long(folder), NULL, {sizeof(SECURITY_ATTRIBUTES), rights_of(service), FALSE}};
}

static void place_free(struct place *place) {
  LocalFree(place->with_rights.lpSecurityDescriptor);
  free(place->path);
  free(place->foreign);
}

static wchar_t *why_not(DWORD error, const wchar_t *folder, const wchar_t *service) {
  wchar_t *words = say_system_words(error), *why;
  if (error == ERROR_UNRECOGNIZED_VOLUME)
    why = text_format(L"%ls is on a drive that keeps no rights, as with FAT or exFAT: everybody could change what %ls has there; name a folder on a drive with NTFS or ReFS", folder, service);
  else
    why = text_format(L"the folder %ls cannot be made for %ls alone; do this as an administrator, and close what has it open: %ls", folder, service, words);
  free(words);
  return why;
}

static wchar_t *why_not_data(DWORD error, const struct place *place, const struct settings *s) {
  const wchar_t *how = L"(DataDir of the settings, DATADIR of the installation)";
  if (error == ERROR_REPARSE_TAG_INVALID)
    return text_format(L"the data folder %ls is a link or a mounted drive, and was left as it is; name the real place, a folder %ls", s->data, how);
  if (error == ERROR_DIR_NOT_EMPTY && place->foreign)
    return text_format(L"the data of %ls cannot lie in %ls: %ls there is nothing of its, so all was left as it is; move it away, or name a new folder, such as %ls\\%ls %ls", s->name, s->data, place->foreign, s->data, s->name, how);
  return why_not(error, s->data, s->name);
}

BOOL own_folder_make(const struct settings *s) {
  struct place place = place_at(s->data, s->name, s->known);
  DWORD error = make(&place, take_data);
  wchar_t *why = NULL;
  if (error == ERROR_SUCCESS) error = pin_put(place.path, s->name);
  if (error != ERROR_SUCCESS) say_failed(0, L"%ls", why = why_not_data(error, &place, s));
  free(why);
  place_free(&place);
  return error == ERROR_SUCCESS;
}

wchar_t *own_folder_make_cache(const wchar_t *folder, const wchar_t *service) {
  struct place place = place_at(folder, service, L"");
  const DWORD error = make(&place, take_cache);
  place_free(&place);
  if (error == ERROR_SUCCESS) return NULL;
  if (error == ERROR_DIR_NOT_EMPTY)
    return text_format(L"the cache cannot lie in %ls: what is in it is not %ls's, or was put there by somebody who is no administrator, and it was left as it is; name an empty or a new folder, such as %ls\\Starling", folder, service, folder);
  if (error == ERROR_DIRECTORY) return text_format(L"the cache cannot lie in %ls, which is a link or a file; name an empty or a new folder", folder);
  return why_not(error, folder, service);
}

BOOL own_folder_is_made(const wchar_t *folder, const wchar_t *service, wchar_t **whom) {
  wchar_t *path = path_long(folder);
  struct trust trust;
  HANDLE object = walk_open_path(path, to_look);
  const BOOL is_made = object && trust_of(object, service, &trust) && (is_own(&trust) || is_marked(object, &trust, service));
  *whom = is_made && !trust.is_closed ? trust_whom(&trust) : NULL;
  if (object) CloseHandle(object);
  free(path);
  return is_made;
}
