#include "pin.h"
#include "path.h"
#include "rights.h"
#include "trust.h"
#include "walk.h"
#include <stdlib.h>

const wchar_t pin_name[] = L"folder.pin";

/* One that is there, whatever it is, pins as well once it has the rights. */
DWORD pin_put(const wchar_t *path, const wchar_t *service) {
  const DWORD access = READ_CONTROL | WRITE_DAC | WRITE_OWNER, shares = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  SECURITY_ATTRIBUTES with_rights = {sizeof with_rights, rights_of_pin(service), FALSE};
  wchar_t *pin = path_join(path, pin_name);
  HANDLE object;
  DWORD error;
  if (!with_rights.lpSecurityDescriptor) return GetLastError();
  object = CreateFileW(pin, access, shares, &with_rights, OPEN_ALWAYS, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  error = object == INVALID_HANDLE_VALUE ? GetLastError() : rights_set(object, with_rights.lpSecurityDescriptor);
  if (object != INVALID_HANDLE_VALUE) CloseHandle(object);
  LocalFree(with_rights.lpSecurityDescriptor);
  free(pin);
  return error;
}

BOOL pin_is_in(HANDLE folder, const wchar_t *service) {
  struct trust trust;
  HANDLE object = walk_open(folder, pin_name, READ_CONTROL | FILE_READ_ATTRIBUTES);
  const BOOL is_in = object && trust_of(object, service, &trust) && !trust.is_link && !trust.is_linked && trust.is_owner_trusted && trust.is_closed;
  if (object) CloseHandle(object);
  return is_in;
}
