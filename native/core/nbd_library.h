// libnbd (LGPL), loaded when the first export is opened: whoever backs up no exports needs neither it nor what it brings (GnuTLS, libxml2).
#pragma once
#include <libnbd.h>

#include <string>

namespace strata {

struct NbdLibrary {
#define STRATA_NBD_FUNCTIONS(each)                                                                                                          \
  each(create) each(close) each(get_error) each(get_errno) each(get_version) each(set_export_name) each(add_meta_context) each(set_tls)      \
      each(set_tls_certificates) each(set_tls_verify_peer) each(aio_connect_tcp) each(aio_connect_unix) each(aio_is_connecting)              \
          each(aio_is_ready) each(aio_is_dead) each(aio_is_closed) each(aio_get_fd) each(aio_get_direction) each(aio_notify_read)            \
              each(aio_notify_write) each(aio_pread) each(aio_block_status) each(aio_command_completed) each(aio_disconnect) each(get_size)  \
                  each(get_block_size) each(is_read_only) each(can_multi_conn) each(can_meta_context)
#define STRATA_NBD_POINTER(name) decltype(&nbd_##name) name;
  STRATA_NBD_FUNCTIONS(STRATA_NBD_POINTER)
#undef STRATA_NBD_POINTER
};

// Throws LIBNBD_MISSING.
const NbdLibrary& nbd_library();

// Throws LIBNBD_MISSING.
std::string nbd_version();

}  // namespace strata
