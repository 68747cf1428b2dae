#include "ticket.h"
#include "own_folder.h"
#include "path.h"
#include "rights.h"
#include "say.h"
#include "text.h"
#include <stdlib.h>

/* As long as a ticket may be for the agent. */
enum { ticket_bytes_max = 8192 };

static char *from_stdin(size_t *length) {
  char *text = memory(ticket_bytes_max + 1);
  DWORD count;
  *length = 0;
  while (*length < ticket_bytes_max && ReadFile(GetStdHandle(STD_INPUT_HANDLE), text + *length, (DWORD)(ticket_bytes_max - *length), &count, NULL) && count)
    *length += count;
  return text;
}

static size_t without_space_at_end(const char *text, size_t length) {
  while (length && (unsigned char)text[length - 1] <= ' ') length--;
  return length;
}

/* Under another name first: whoever reads the ticket sees all of it or none. */
static DWORD write_with_rights(const wchar_t *path, const struct settings *s, const char *text, size_t length) {
  SECURITY_ATTRIBUTES with_rights = {sizeof with_rights, rights_of(s->name), FALSE};
  wchar_t *draft = text_format(L"%ls.new", path);
  DWORD done, error = ERROR_SUCCESS;
  HANDLE file;
  if (!with_rights.lpSecurityDescriptor) return GetLastError();
  DeleteFileW(draft); /* one that was left there keeps its rights, or is a link */
  file = CreateFileW(draft, GENERIC_WRITE, 0, &with_rights, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) {
    error = GetLastError();
  } else {
    if (!WriteFile(file, text, (DWORD)length, &done, NULL) || !FlushFileBuffers(file)) error = GetLastError();
    CloseHandle(file);
    if (error == ERROR_SUCCESS && !MoveFileExW(draft, path, MOVEFILE_REPLACE_EXISTING)) error = GetLastError();
    if (error != ERROR_SUCCESS) DeleteFileW(draft);
  }
  LocalFree(with_rights.lpSecurityDescriptor);
  free(draft);
  return error;
}

int ticket(const struct settings *s, const wchar_t *given) {
  size_t length;
  char *text = text_is(given, L"-") ? from_stdin(&length) : text_utf8(given, wcslen(given), &length);
  wchar_t *named = path_join(s->data, L"ticket"), *path = path_long(named);
  DWORD error = ERROR_SUCCESS;
  BOOL is_made = TRUE;
  length = without_space_at_end(text, length);
  if (length >= ticket_bytes_max)
    error = ERROR_BAD_LENGTH;
  else if (length > 0 && (is_made = own_folder_make(s)) != FALSE)
    error = write_with_rights(path, s, text, length);
  SecureZeroMemory(text, length);
  free(text);
  free(path);
  if (error != ERROR_SUCCESS) say_failed(error, L"the ticket cannot be written to %ls; give it once more as an administrator, as `ticket create` has printed it", named);
  free(named);
  return is_made && error == ERROR_SUCCESS ? 0 : 1;
}
