/** How dist/ is made: the program as one chunk for each command and what they share, with the packages in it. */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  // Optional, and with a binary of its own: loaded when it is chosen.
  external: ['fuse-native'],
  // React chooses by this between its builds; only one comes along then.
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  output: {
    // One folder, so that src/native.ts finds the addon from here as from src/.
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
  },
});
