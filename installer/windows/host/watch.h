/*
 * Tells when keys of the registry change, also keys that are not there yet: for those the nearest one above is watched until
 * they come. Windows tells a change once and then has to be asked again.
 */
#pragma once
#include <windows.h>

enum { watches_max = 8 };

struct watch {
  wchar_t *path;
  HANDLE event;
  HKEY key;
  BOOL is_there;
};

/* For each of the keys below HKEY_LOCAL_MACHINE, which are parted by |. Gives back how many there are. */
DWORD watches_open(struct watch *watches, const wchar_t *paths);

/* After its event: asks for the next one. FALSE: it was something else beside a key that is not there. */
BOOL watch_changed(struct watch *watch);
