/** Stands for a module that is loaded, and that no test uses: see jest.config.js. */
export {};
