#include "aside.h"
#include "say.h"
#include "text.h"
#include <bcrypt.h>
#include <stdlib.h>

/* Counted first, for people; then at random, so that nobody can have taken all names beforehand. */
enum { counted_max = 16, tries_max = 32 };

static DWORD number_of(DWORD try) {
  DWORD random = 0;
  if (try <= counted_max) return try;
  BCryptGenRandom(NULL, (UCHAR *)&random, sizeof random, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  return random;
}

/* Of a long name only the beginning: the new one is longer, and must be none that Windows refuses. */
DWORD aside_move(const wchar_t *path, const wchar_t *beside, const wchar_t *name) {
  wchar_t *aside = NULL;
  DWORD error = ERROR_SUCCESS;
  for (DWORD try = 1; try <= tries_max; try++) {
    free(aside);
    aside = text_format(L"%ls.not-ours-%lu%ls%.100ls", beside, number_of(try), name ? L"-" : L"", name ? name : L"");
    error = MoveFileExW(path, aside, 0) ? ERROR_SUCCESS : GetLastError();
    if (error != ERROR_ALREADY_EXISTS && error != ERROR_FILE_EXISTS) break;
  }
  if (error == ERROR_SUCCESS) say(L"%ls was made by somebody else, or could be changed by others, and is %ls now; look into it, then remove it", path + 4, aside + 4);
  free(aside);
  return error;
}
