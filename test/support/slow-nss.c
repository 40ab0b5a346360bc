/* An NSS service that knows nobody, and takes a minute to say so. */
#include <nss.h>
#include <pwd.h>
#include <unistd.h>

enum nss_status _nss_slow_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, int *fault)
{
	(void)name, (void)entry, (void)buffer, (void)size, (void)fault;
	sleep(60);
	return NSS_STATUS_NOTFOUND;
}
