/*
 * The service's folders. Any user may make folders in C:\ProgramData, and on other drives too, so what lies where ours belongs may have been
 * put there by somebody, or be a link to somewhere else. What is done with it:
 *
 *   the data folder is ours, and nobody else may write to it               all in it stays as it is
 *   it is ours, and an administrator has opened it since (Explorer, icacls,  it gets its rights back, and what is in it too; links, and what
 *   Group Policy)                                                           others own, go aside (aside.h)
 *   an administrator has made it, and put into it what we know              so does what others could have changed; the rest stays
 *   an administrator has made it, for other things too                      refused, and left as it is: D:\Data is not ours
 *   an administrator has made a link or mounted a volume                    refused, and left as it is: DataDir can name the real place
 *   a user has made it, or it is a file                                     it goes aside as a whole
 *
 *   the cache folder, which an administrator has named, is empty, or has    it is given its rights
 *   our rights, or has nothing but `content` in it, put by nobody else
 *   something else is in it                                                 refused, and left as it is
 *
 * Ours is a folder of an administrator's in whose rights the service is named, or that has our pin (pin.h).
 */
#pragma once
#include "settings.h"

/* Makes the data folder, or one of the service's own of what is there. FALSE: it has said on stderr why not. */
BOOL own_folder_make(const struct settings *settings);

/* The same for the folder of the cache. NULL: it is made; else why not, for people. */
wchar_t *own_folder_make_cache(const wchar_t *folder, const wchar_t *service);

/* Whether the data folder is there and ours. `whom`: to whom an administrator has opened it; NULL: to nobody. */
BOOL own_folder_is_made(const wchar_t *folder, const wchar_t *service, wchar_t **whom);
