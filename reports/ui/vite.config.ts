import { defineConfig } from "vite";

// One script and one style sheet, without a page: build/template.mjs puts both into the template.
export default defineConfig({
  build: {
    target: "es2022",
    outDir: "dist",
    cssCodeSplit: false,
    lib: { entry: "src/main.ts", formats: ["iife"], name: "causeway", fileName: () => "viewer.js", cssFileName: "viewer" },
  },
  test: { include: ["test/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
