/*
 * Who may have put something into a folder or a file: its owner, and whom its rights let write. Trusted are SYSTEM, Administrators, the
 * service, and whoever runs this: an installation, an administrator with a script, or the service itself.
 */
#pragma once
#include <windows.h>

struct trust {
  BOOL is_folder;    /* and no link or junction */
  BOOL is_link;
  BOOL is_linked;    /* a file with a second name, which may lie where others have rights */
  BOOL is_owner_trusted;
  BOOL is_closed;    /* nobody else may write, nor give himself the right to */
  BOOL is_inherited; /* some of its rights come from the folder above, and change with those */
  BOOL is_marked;    /* the service is named in its rights, as only we do it */
  BYTE whom[SECURITY_MAX_SID_SIZE]; /* the first who makes it open; zeros: nobody, or it is open to all */
};

/* FALSE: it cannot be told (GetLastError()), so nobody is to be trusted. Needs READ_CONTROL and FILE_READ_ATTRIBUTES. */
BOOL trust_of(HANDLE object, const wchar_t *service, struct trust *trust);

/* For people, to whom a thing that is not closed is open. */
wchar_t *trust_whom(const struct trust *trust);
