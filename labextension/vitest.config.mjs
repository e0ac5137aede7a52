import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.ts'],
    // The shared model reads cells before it has put them into a document.
    onConsoleLog: log => !log.includes('Add Yjs type to a document before reading data')
  }
});
