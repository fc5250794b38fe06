# The addon. New files in core/ and glue/ need no edit here.
#
# libfuse3 is linked statically, too: its ABI changed with almost every release.
#
# libzstd is linked statically and kept private: node exports its own ZSTD_* symbols, of another version, and
# they would win over a shared library's. libcrypto is not linked at all: the EVP functions come from the node
# binary, so that one OpenSSL 3 lives in the process and node's security updates cover it. Use only functions
# that OpenSSL 3.0 has: the native tests link core/, as it is built here, with the system's 3.0, and hold that.
{
  'target_defaults': {
    'include_dirs': ['core'],
    'defines': ['_FILE_OFFSET_BITS=64'],
    'cflags': ['-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden', '-fPIC', '-pthread'],
    'cflags!': ['-O3', '-Wno-unused-parameter'],
    'cflags_cc': ['-std=c++20', '-fexceptions', '-frtti'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
  },
  'targets': [
    {
      'target_name': 'core',
      'type': 'static_library',
      'sources': ['<!@(ls core/*.cc)'],
    },
    {
      'target_name': 'strata',
      'dependencies': ['core'],
      'sources': ['<!@(ls fuse/*.cc glue/*.cc)'],
      'include_dirs': ['/usr/include/fuse3'],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_CPP_EXCEPTIONS'],
      'cflags_cc': ['-isystem', '<!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")'],
      'libraries': ['-l:libzstd.a', '-l:libfuse3.a', '-l:libsodium.a', '-ldl'],
      'ldflags': ['-Wl,--exclude-libs,ALL', '-Wl,--version-script=<(module_root_dir)/symbols.map', '-pthread'],
    },
  ],
}
