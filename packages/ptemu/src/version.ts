/** Version of the package, as package.json has it; a test holds them equal. */
export const VERSION: string = '0.1.0';
