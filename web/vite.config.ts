import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const backend = process.env.WARREN_BACKEND ?? 'http://localhost:3000';
const proxy = {
  '/api': { target: backend },
  '/ws': { target: backend.replace(/^http/, 'ws'), ws: true },
};

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, proxy },
  preview: { port: 4173, proxy },
  // Nothing is inlined: the content security policy allows files of our own origin only.
  build: { target: 'es2022', assetsInlineLimit: 0 },
  test: {
    pool: 'threads',
    // Tests leave nothing behind, so that files may share a worker: most of the time went into starting workers.
    isolate: false,
    projects: [
      { extends: true, test: { name: 'engine', environment: 'node', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'views',
          environment: 'jsdom',
          include: ['src/**/*.test.tsx'],
          setupFiles: ['src/testing/setup.ts'],
          testTimeout: 30_000,
        },
      },
    ],
  },
});
