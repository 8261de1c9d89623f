import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    setupFiles: "tests/setup.ts",
    restoreMocks: true,
    unstubGlobals: true,
    env: { TZ: "UTC" },
  },
});
